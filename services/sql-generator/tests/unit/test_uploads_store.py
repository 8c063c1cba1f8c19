from sql_generator.uploads.store import FileStore


async def test_what_lies_in_the_folder_and_is_not_a_files_is_no_place_to_be_swept(tmp_path):
    place = "0123456789abcdef0123456789abcdef"
    for name in (place, "backups", place.upper(), f"{place}0"):
        (tmp_path / name).mkdir()
    (tmp_path / "readme.txt").write_text("not ours")
    assert await FileStore(tmp_path.as_uri()).places() == [place]
