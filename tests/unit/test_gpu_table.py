from benchmarks.gpu_table import FOLDER, render


def test_the_tables_of_the_cards_are_those_of_their_figures():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == render()
