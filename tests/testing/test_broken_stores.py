"""Each check of the store's contract catches a store that breaks it, and every suite says what it expects."""

from __future__ import annotations

import pytest

from airflow_provider_pipes.testing import ArtifactStoreContract
from airflow_provider_pipes.testing.components import ComponentContract
from tests.testing.suites import assert_caught, checks, failing, run_third_party

pytest_plugins = ["pytester"]

CAUGHT = {
    "TestLooksThenWrites": ("of_several_writers_exactly_one_creates_a_file", "exactly one creates"),
    "TestWritesInPlace": ("a_reader_sees_the_old_content_or_the_new", "write aside, then rename"),
    "TestCreateReplaces": ("create_puts_a_file_only_where_none_is", "create returns False where a file is"),
    "TestListsFromMemory": ("a_listing_is_complete_sorted_and_fresh", "since the last listing"),
    "TestCallsEverythingAnOutage": (
        "what_is_not_there_is_told_from_a_store_that_fails",
        "read of a missing file raises ArtifactNotFoundError\n  got:      StoreUnreachableError: 404",
    ),
    "TestDecodesNames": ("any_name_is_kept", "comes back as it was written"),
    "TestCutsLargeFiles": ("a_large_payload_comes_back_with_its_hash", "comes back unchanged"),
    "TestRemovesByPrefix": ("remove_takes_a_tree_and_nothing_beside_it", "nothing beside it"),
    "TestFindsByPrefix": ("exists_sees_files_and_folders_and_no_prefix", "exists sees files"),
    "TestTakesAnyPath": ("a_path_that_could_leave_the_store_is_refused", "is refused with an ArtifactError"),
    "TestLosesEmptyFiles": ("a_tree_comes_back_as_it_was", "a tree comes back with the same files"),
    "TestReadsFromMemory": ("what_is_written_is_read_and_replaced", "read returns what was written last"),
    "TestDownloadsFromMemory": ("an_artifact_is_checked_against_its_hash", "is an IntegrityError"),
    "TestHasAnotherAddress": ("the_full_address_tells_where_a_file_is", "full_uri is `uri`"),
    "TestHidden": ("the_address_and_the_connection_are_enough_to_open_it", "alone"),
}
FLAWED = {
    "TestLoose": ("the_config_is_frozen_and_refuses_unknown_fields", "is frozen: no field can be set"),
    "TestSecret": ("another_process_builds_the_same_component_from_the_deployment", "no secret in it"),
    "TestForgetful": (
        "another_process_builds_the_same_component_from_the_deployment",
        "with the config that it was deployed with",
    ),
    "TestOddlyNamed": ("the_flavor_names_a_component_of_its_kind", "without ':'"),
    "TestUnfinished": ("the_flavor_names_a_component_of_its_kind", "does not implement: launch"),
    "TestSilent": (
        "the_config_can_be_imported_without_what_the_implementation_needs",
        "says in `install_hint` what to pip install",
    ),
    "TestHeavy": (
        "the_config_can_be_imported_without_what_the_implementation_needs",
        "name them in config_imports",
    ),
    "TestWrongKind": ("the_flavor_names_a_component_of_its_kind", "can be loaded as orchestrator"),
}


def test_every_check_of_a_store_catches_a_store_that_breaks_it(pytester: pytest.Pytester) -> None:
    parts = [(suite, check) for suite, (check, _) in CAUGHT.items()]
    outcomes = run_third_party(pytester, "broken_stores", (), parts)
    assert_caught(outcomes, [(suite, *caught) for suite, caught in CAUGHT.items()])
    assert {f"test_{check}" for _, check in parts} == checks(ArtifactStoreContract) - checks(
        ComponentContract
    )


def test_every_check_of_a_flavor_catches_a_flavor_that_breaks_it(pytester: pytest.Pytester) -> None:
    fine, parts = ("TestGood", "TestTelling"), [(suite, check) for suite, (check, _) in FLAWED.items()]
    outcomes = run_third_party(pytester, "broken_flavors", fine, parts)
    assert [failing(outcomes, suite) for suite in fine] == [{}, {}]
    assert_caught(outcomes, [(suite, *caught) for suite, caught in FLAWED.items()])
    assert {f"test_{check}" for _, check in parts} == checks(ComponentContract)
