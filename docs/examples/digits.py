"""Train two classifiers of handwritten digits side by side, keep the better one and report on it.

Run it here and now, or write it as a DAG file for Airflow::

    pipes run docs/examples/digits.py
    pipes deploy docs/examples/digits.py --dags-folder ~/airflow/dags
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from airflow_provider_pipes import get_step_context, pipeline, step


@step(retries=2, retry_delay=timedelta(seconds=10))
def load() -> tuple[Annotated[np.ndarray, "images"], Annotated[np.ndarray, "labels"]]:
    """Load the 1,797 images of 8 x 8 pixels that come with scikit-learn."""
    digits = load_digits()
    return digits.data, digits.target


@step
def split(
    images: np.ndarray, labels: np.ndarray, test_size: float
) -> tuple[
    Annotated[np.ndarray, "train_images"],
    Annotated[np.ndarray, "test_images"],
    Annotated[np.ndarray, "train_labels"],
    Annotated[np.ndarray, "test_labels"],
]:
    """Hold back a part of the images, with every digit in proportion."""
    parts = train_test_split(images, labels, test_size=test_size, stratify=labels, random_state=0)
    return tuple(parts)


@step
def train(images: np.ndarray, labels: np.ndarray, gamma: float) -> Annotated[SVC, "model"]:
    """Fit a support vector machine; a smaller gamma gives a smoother boundary."""
    return SVC(gamma=gamma).fit(images, labels)


@step
def evaluate(model: SVC, images: np.ndarray, labels: np.ndarray) -> Annotated[float, "accuracy"]:
    """Measure the accuracy on images that the model has not seen."""
    accuracy = float(accuracy_score(labels, model.predict(images)))
    get_step_context().log_metadata({"gamma": model.gamma, "support_vectors": int(model.n_support_.sum())})
    return accuracy


@step
def choose(
    models: list[SVC], accuracies: list[float]
) -> tuple[Annotated[SVC, "model"], Annotated[float, "accuracy"]]:
    """Keep the model with the higher accuracy."""
    best = accuracies.index(max(accuracies))
    return models[best], accuracies[best]


@step
def report(
    model: SVC, images: np.ndarray, labels: np.ndarray, accuracy: float
) -> Annotated[Path, "confusion_matrix"]:
    """Draw which digits the model takes for which."""
    from matplotlib.figure import Figure  # only this step needs it
    from sklearn.metrics import ConfusionMatrixDisplay

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    ConfusionMatrixDisplay.from_estimator(model, images, labels, cmap="Blues", colorbar=False, ax=axes)
    axes.set_title(f"{accuracy:.1%} of {len(labels)} digits recognised (gamma = {model.gamma:g})")
    file = get_step_context().scratch_dir / "confusion-matrix.png"
    figure.savefig(file, dpi=150)
    return file


@pipeline(tags=["example"])
def digits(test_size: float = 0.5, smooth: float = 0.0001, sharp: float = 0.001) -> None:
    """Recognise handwritten digits.

    Two support vector machines are trained in parallel, one with each gamma, and the better one on
    unseen images is reported on.
    """
    images, labels = load()
    train_images, test_images, train_labels, test_labels = split(images, labels, test_size)
    smooth_model = train.with_options(name="train_smooth")(train_images, train_labels, smooth)
    sharp_model = train.with_options(name="train_sharp")(train_images, train_labels, sharp)
    smooth_accuracy = evaluate.with_options(name="evaluate_smooth")(smooth_model, test_images, test_labels)
    sharp_accuracy = evaluate.with_options(name="evaluate_sharp")(sharp_model, test_images, test_labels)
    best, accuracy = choose([smooth_model, sharp_model], [smooth_accuracy, sharp_accuracy])
    report(best, test_images, test_labels, accuracy)
