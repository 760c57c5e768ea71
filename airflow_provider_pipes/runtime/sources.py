"""Finds what a deployment names as "module:function", and tells the user's errors from ours."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_pipes.errors import PipesError, TargetError, UserCodeError, said_of
from airflow_provider_pipes.runtime.misused_settings import misused_settings

if TYPE_CHECKING:
    from traceback import StackSummary, TracebackException

_Told = TypeVar("_Told", bound=PipesError)

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_IMPORTLIB = os.path.dirname(os.path.abspath(importlib.__file__)) + os.sep


def load_source(source: str) -> Any:
    """Return what ``source`` names; a decorated function is the step or pipeline that it became.

    Args:
        source: "module:name", the name with dots where it is in a class.

    Raises:
        TargetError: there is no such module, or no such name in it.
        UserCodeError: the module raised while it was imported.
        PipesError: the module uses this package wrongly, which the error explains by itself.
    """
    module_name, colon, qualname = source.partition(":")
    if not colon or not all(module_name.split(".")) or not all(qualname.split(".")):
        raise TargetError(f"{source!r} names no function; write it as 'module:function'")
    if "<locals>" in qualname:
        raise TargetError(
            f"{qualname!r} is defined inside a function, where no other process finds it; move it to the "
            f"top level of module {module_name!r}"
        )
    found: Any = import_user_module(module_name)
    for name in qualname.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise TargetError(
                f"module {module_name!r} has no {qualname!r}{_origin(module_name)}{_nearest(name, found)}"
            ) from None
    return found


def import_user_module(name: str) -> ModuleType:
    """Import a module of the user's.

    Raises:
        TargetError: there is no such module.
        UserCodeError: it raised; ``traceback_text`` has the user's frames only.
        PipesError: it uses this package wrongly.
    """
    try:
        return importlib.import_module(name)
    except PipesError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}.") and not _user_frames(error):
            raise TargetError(
                f"there is no module {error.name!r} here; check its name, and that it is in the project"
            ) from None
        raise _user_code_error(name, error) from error
    except (Exception, SystemExit) as error:
        if told := misused_settings(error):
            raise told from None
        raise _user_code_error(name, error) from error


def user_traceback(error: BaseException) -> str:
    """Return the text of a traceback without the frames of this package and of the import machinery."""
    from traceback import TracebackException

    shown = TracebackException.from_exception(error, compact=True)
    for each in _chain(shown):
        each.stack[:] = [frame for frame in each.stack if _is_user_file(frame.filename)]
    return "".join(shown.format())


def has_user_frames(error: BaseException) -> bool:
    """Return whether an error passed through code that is not this package's."""
    return bool(_user_frames(error))


def error_of_class(kind: type[_Told], whose: str, error: BaseException, where: str = "") -> _Told:
    """Return the error that tells what a class of the user's raised, with the traceback of their code.

    Args:
        kind: What to return.
        whose: As "orchestrator 'o'".
        error: What was raised.
        where: The method.
    """
    told = kind(said_of(whose, error, where))
    told.traceback_text = user_traceback(error)
    return told


def _user_code_error(module: str, error: BaseException) -> UserCodeError:
    frames = _user_frames(error)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    message = f"module {module!r} raised {type(error).__name__} while it was imported{where}"
    return UserCodeError(f"{message}: {error}" if str(error) else message, user_traceback(error))


def _user_frames(error: BaseException) -> StackSummary:
    from traceback import StackSummary, extract_tb

    return StackSummary.from_list([f for f in extract_tb(error.__traceback__) if _is_user_file(f.filename)])


def _is_user_file(filename: str) -> bool:
    return not filename.startswith(("<frozen importlib", _OURS, _IMPORTLIB))


def _chain(shown: TracebackException) -> Iterator[TracebackException]:
    pending: list[TracebackException | None] = [shown]
    while pending:
        each = pending.pop()
        if each is not None:
            yield each
            pending += [each.__cause__, each.__context__, *(each.exceptions or ())]


def _origin(module_name: str) -> str:
    import sys

    file = getattr(sys.modules.get(module_name), "__file__", None)
    return f" ({file})" if file else ""


def _nearest(name: str, container: object) -> str:
    from difflib import get_close_matches

    names = [each for each in dir(container) if not each.startswith("_")]
    close = get_close_matches(name, names, n=3)
    return f"; did you mean {', '.join(map(repr, close))}?" if close else ""
