from sql_generator.sources.samples import MAX_DISTINCT, MAX_LENGTH, kept_samples, may_be_sampled


def test_few_distinct_values_are_kept_in_order_and_cut() -> None:
    assert kept_samples(["b", None, "a", "b", ""]) == ("a", "b")
    (long,) = kept_samples(["x" * 500])
    assert len(long) == MAX_LENGTH
    assert kept_samples(["a\x00b"]) == ("a\ufffdb",)


def test_many_distinct_values_are_not_samples() -> None:
    values = [f"{number:03}" for number in range(MAX_DISTINCT + 1)]
    assert kept_samples(values) == ()
    assert len(kept_samples(values[1:])) == MAX_DISTINCT


def test_credentials_are_never_sampled() -> None:
    assert not any(may_be_sampled(name) for name in ("password", "PasswordHash", "api_key", "apikey", "user_token"))
    assert all(may_be_sampled(name) for name in ("status", "tier", "spin", "country"))
