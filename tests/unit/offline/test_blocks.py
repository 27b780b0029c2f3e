from perdure_offline.blocks import Block, blocks


def test_markup_is_not_part_of_the_text() -> None:
    found = blocks("**Offline maps.** Read `this` [page](https://x.example) of *ours*\nand go on.")

    assert found == (Block("prose", "Offline maps. Read this page of ours and go on."),)


def test_headings_cells_and_prose_are_separate_blocks() -> None:
    found = blocks("# Title\n\nText.\n\n- An item.\n\n> A quotation.\n\n| Party |\n| --- |\n| Tessaro |\n")

    assert [(block.kind, block.text) for block in found] == [
        ("heading", "Title"),
        ("prose", "Text."),
        ("prose", "An item."),
        ("prose", "A quotation."),
        ("cell", "Party"),
        ("cell", "Tessaro"),
    ]


def test_code_is_left_out() -> None:
    assert blocks("```python\nprint('never')\n```\n") == ()


def test_plain_text_with_indented_lines_and_angle_brackets_loses_nothing() -> None:
    found = blocks("Dear all,\n\n    we met <Ann> & Bob.\n")

    assert [block.text for block in found] == ["Dear all,", "we met <Ann> & Bob."]
