import pytest

from graphdistill.protect.keys import check_key, number_of, read_key


def test_a_key_is_the_bytes_of_a_file_without_line_breaks_at_the_end(tmp_path):
    path = tmp_path / "my.key"
    path.write_bytes(b"sword\nfish\r\n")
    assert read_key(path) == b"sword\nfish"
    assert read_key(path, tmp_path / "out") == b"sword\nfish"
    assert number_of(b"sword\nfish") == number_of("sword\nfish") != number_of("sword fish")
    assert 0 <= number_of("sword\nfish") < 2**128


def test_keys_that_are_no_secret_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"--key is missing; give the file of your private key, .*secrets.token_hex"):
        read_key(None)
    with pytest.raises(ValueError, match=r"absent\.key cannot be read: No such file or directory; make one: python -c"):
        read_key(tmp_path / "absent.key")
    path = tmp_path / "my.key"
    path.write_bytes(b"1234567\n")
    with pytest.raises(ValueError, match="key has 7 bytes and can be guessed; give 8 or more"):
        read_key(path)
    with pytest.raises(ValueError, match=r"my.key is in --output .*, which is to be passed on; move it elsewhere"):
        read_key(path, tmp_path)
    with pytest.raises(ValueError, match="key has 6 bytes"):
        check_key("äöü")
