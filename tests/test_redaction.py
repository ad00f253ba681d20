import pytest

from lenet.redaction import redacted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://me:secret@db.example:5432/runs", "postgresql://…@db.example:5432/runs"),
        ("postgresql://me:pa/ss@db.example/runs", "postgresql://…@db.example/runs"),
        ("postgresql://me:p@ss@db.example/runs", "postgresql://…@db.example/runs"),
        ("postgresql://me:pa?a=ss@db.example/runs", "postgresql://…"),
        ("postgresql://me:pa#ss@db.example/runs", "postgresql://…"),
        ("https://t0ken@host/path", "https://…@host/path"),
        ("http://host/api?password=s3cret&token=t0ken", "http://host/api?password=…&token=…"),
        ("http://host/#access_token=s3cret", "http://host/#access_token=…"),
        ("postgresql://db.example/runs?user=me;password=s3cret", "postgresql://db.example/runs?user=…"),
        ("http://me:s3cret@[bad", "http://…@[bad"),
        (
            "tried http://me:s3cret@one/a (http://you:s3cret@two/b), then /api?token=s3cret of one",
            "tried http://…@one/a (http://…@two/b), then /api?token=… of one",
        ),
        ("sqlite:////the/check out/mlflow.db", "sqlite:////the/check out/mlflow.db"),
        ("no address, and an e-mail: me@example.org", "no address, and an e-mail: me@example.org"),
    ],
)
def test_the_secrets_of_addresses_in_a_text_are_hidden(text, expected):
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("address", "text", "expected"),
    [
        ("http://me:s3cret@host", "user 'me' with s3cret is unknown at host", "user 'me' with … is unknown at host"),
        ("http://me:s3cret@host", "no scheme: me:s3cret@host", "no scheme: …@host"),
        ("postgresql://me:pa/ss@host", "invalid literal for int(): 'pa'", "invalid literal for int(): '…'"),
        ("http://me:p%40%2Fss@host", "login failed for p@/ss", "login failed for …"),
        ("http://me:p@/ss@host", "login failed for p%40%2Fss", "login failed for …"),
        ("http://me:with blank@host", "http://me:with blank@host", "http://…@host"),
        ("http://host?password=s3cret", "login with s3cret fails", "login with … fails"),
        ("http://me:pa@host", "the path is damaged: pa", "the path is damaged: …"),
        ("http://mlflow:s3cret@mlflow.example", "http://mlflow:s3cret@mlflow.example", "http://…@mlflow.example"),
    ],
)
def test_a_known_secret_is_hidden_in_any_form_but_not_inside_a_word(address, text, expected):
    assert redacted(text, address) == expected
