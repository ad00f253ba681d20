import pytest

from lenet.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:secret@db.example:5432/runs", "postgresql://…@db.example:5432/runs"),
        ("postgresql://me:pa/ss@db.example/runs", "postgresql://…@db.example/runs"),
        ("postgresql://me:p@ss@db.example/runs", "postgresql://…@db.example/runs"),
        ("postgresql://me:pa?ss@db.example/runs", "postgresql://…"),
        ("postgresql://me:pa?a=ss@db.example/runs", "postgresql://…"),
        ("postgresql://me:pa#ss@db.example/runs", "postgresql://…"),
        ("https://t0ken@host/path", "https://…@host/path"),
        ("http://host/api?password=s3cret&token=t0ken", "http://host/api?password=…&token=…"),
        ("http://host/api?token=a@b", "http://…"),
        ("postgresql://db.example/runs?user=me;password=s3cret", "postgresql://db.example/runs?user=…"),
        ("http://host/#access_token=s3cret", "http://host/#access_token=…"),
        ("http://[bad", "http://[bad"),
        ("http://me:s3cret@[bad", "http://…@[bad"),
        ("sqlite:////the/check out/mlflow.db", "sqlite:////the/check out/mlflow.db"),
        ("no address, and an e-mail: me@example.org", "no address, and an e-mail: me@example.org"),
        ("", ""),
    ],
)
def test_what_an_address_keeps_secret_is_hidden(text, shown):
    assert redacted(text) == shown


def test_every_address_in_a_message_is_redacted():
    text = "tried http://me:s3cret@one/a (http://you:s3cret@two/b), then /api?token=s3cret of one"
    assert redacted(text) == "tried http://…@one/a (http://…@two/b), then /api?token=… of one"


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("http://me:s3cret@host", "user 'me' with s3cret is unknown at host"),
        ("http://me:s3cret@host", "no scheme: me:s3cret@host"),
        ("postgresql://me:pa/ss@host", "invalid literal for int() with base 10: 'pa'"),
        ("postgresql://me:pa/ss@host", "/tmp/postgresql:/me:pa/ss@host"),
        ("http://me:p%40%2Fss@host", "login failed for p@/ss"),
        ("http://me:p@/ss@host", "login failed for p%40%2Fss"),
        ("http://me:with blank@host", "http://me:with blank@host"),
        ("http://host?password=s3cret", "login with s3cret fails"),
    ],
)
def test_a_known_secret_is_hidden_in_any_form(address, text):
    shown = redacted(text, address)
    assert "…" in shown
    for part in ("s3cret", "'pa'", "ss", "with blank"):
        assert part not in shown, shown


def test_a_short_secret_leaves_the_words_that_contain_it():
    assert redacted("the path is damaged: pa", "http://me:pa@host") == "the path is damaged: …"


def test_the_name_of_a_user_who_has_a_password_is_a_word_like_others():
    assert redacted("http://mlflow:s3cret@mlflow.example", "http://mlflow:s3cret@mlflow.example") == (
        "http://…@mlflow.example"
    )
