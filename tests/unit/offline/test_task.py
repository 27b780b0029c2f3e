import pytest

from perdure_offline.task import OfflineTask, read_assignment

TEXT = "Paragraph one.\n\nParagraph two."


@pytest.mark.parametrize(
    ("opening", "tasks"),
    [
        ("Summarise this:", (OfflineTask.SUMMARY,)),
        ("Give me the gist:", (OfflineTask.SUMMARY,)),
        ("What is the sentiment here?\n", (OfflineTask.SENTIMENT,)),
        ("Which names and organizations occur?\n", (OfflineTask.ENTITIES,)),
        ("Key phrases, please:", (OfflineTask.KEY_PHRASES,)),
        ("Keywords and a summary:", (OfflineTask.SUMMARY, OfflineTask.KEY_PHRASES)),
        ("Analyse:", ()),
        ("Write a report:", ()),
    ],
)
def test_the_words_of_the_instruction_name_the_task(opening: str, tasks: tuple[OfflineTask, ...]) -> None:
    assignment = read_assignment("", f"{opening}\n{TEXT}")

    assert (assignment.tasks, assignment.text) == (tasks, TEXT)


def test_the_agents_instruction_names_the_task_if_the_prompt_does_not() -> None:
    assert read_assignment("You summarise documents.", f"Please read:\n{TEXT}").tasks == (OfflineTask.SUMMARY,)
    assert read_assignment("You summarise documents.", f"Only the topics:\n{TEXT}").tasks == (OfflineTask.KEY_PHRASES,)


@pytest.mark.parametrize("prompt", ["One line only.", "# A title\n\nAnd text.", "Summarise this:\n  \n"])
def test_a_prompt_without_an_instruction_is_the_text(prompt: str) -> None:
    assert read_assignment("", prompt).text == prompt


def test_a_prompt_of_one_paragraph_may_start_with_its_instruction() -> None:
    assert read_assignment("", "What is the sentiment of: it was great!").tasks == (OfflineTask.SENTIMENT,)


def test_the_first_paragraph_of_a_text_is_not_taken_for_an_instruction() -> None:
    assert read_assignment("You summarise documents.", TEXT).text == TEXT


def test_lines_may_end_with_carriage_return_and_line_feed() -> None:
    assert read_assignment("", "Summarise:\r\nText.").text == "Text."
    assert read_assignment("", "Summarise this text\r\n\r\nText.").text == "Text."
