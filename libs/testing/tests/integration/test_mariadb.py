import pymysql
import pytest


def test_the_reader_of_a_database_can_only_read_it(mariadb_database):
    mariadb_database.execute("CREATE TABLE t (x int)", "INSERT INTO t VALUES (1), (2)")
    assert mariadb_database.execute("SELECT sum(x) FROM t") == [(3,)]
    name, _, password = mariadb_database.reader_url.partition("//")[2].partition("@")[0].partition(":")
    reader = pymysql.connect(
        host="127.0.0.1", port=mariadb_database.server.port, user=name, password=password, database=name
    )
    with reader.cursor() as cursor:
        cursor.execute("SELECT x FROM t ORDER BY x")
        assert cursor.fetchall() == ((1,), (2,))
        for statement in ("DELETE FROM t", "CREATE TABLE u (x int)", "SELECT 1 INTO OUTFILE 'x'", "USE mysql"):
            with pytest.raises(pymysql.OperationalError, match="denied"):
                cursor.execute(statement)
    reader.close()


def test_nobody_gets_in_without_a_password(mariadb_server):
    for user in ("root", "admin", ""):
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            pymysql.connect(host="127.0.0.1", port=mariadb_server.port, user=user)


def test_files_of_statements_stay_in_a_folder_of_the_server(mariadb_server):
    mariadb_server.execute(f"SELECT 'x' INTO OUTFILE '{mariadb_server.files}/written'")
    assert (mariadb_server.files / "written").read_text() == "x\n"
    with pytest.raises(pymysql.OperationalError, match="secure-file-priv"):
        mariadb_server.execute(f"SELECT 'x' INTO OUTFILE '{mariadb_server.data_dir}/outside'")
    assert mariadb_server.execute("SELECT load_file('/etc/passwd')") == [(None,)]
