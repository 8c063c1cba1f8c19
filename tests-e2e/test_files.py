"""Files through the front door: uploaded, asked, and gone with everything that came of them."""

import io

import pytest
import xlsxwriter

from memori_client import Memori

CSV = "Order Date,Country,Amount\n2026-01-02,France,10.50\n2026-01-03,Spain,20\n2026-02-01,France,5\n"


def workbook():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("Staff")
        for number, row in enumerate([["Name", "Team"], ["Ada", "Engines"], ["Bob", "Sales"], ["Cyd", "Sales"]]):
            sheet.write_row(number, 0, row)
    return file.getvalue()


@pytest.fixture
def memori(system, ada):
    with Memori(system.gateway_url, user_id=ada.user_id) as client:
        yield client


def test_a_csv_and_a_workbook_are_uploaded_and_asked(memori, tmp_path):
    (tmp_path / "sales.csv").write_text(CSV)
    (tmp_path / "staff.xlsx").write_bytes(workbook())
    sales = memori.upload(tmp_path / "sales.csv")
    staff = memori.upload(tmp_path / "staff.xlsx")
    assert (sales["status"], sales["row_count"], staff["status"], staff["row_count"]) == ("ready", 3, "ready", 3)

    total = memori.ask("What is the total amount per country?", data_source_id=sales["data_source_id"], execute=True)
    assert total["status"] == "executed", total
    assert sorted(map(tuple, total["result"]["rows"])) == [("France", 15.5), ("Spain", 20)]
    members = memori.ask("How many staff are there per team?", data_source_id=staff["data_source_id"], execute=True)
    assert members["status"] == "executed", members
    assert sorted(map(tuple, members["result"]["rows"])) == [("Engines", 1), ("Sales", 2)]
