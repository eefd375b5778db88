from roundhouse.core.jobs import RetryPolicy
from roundhouse.infra.jobs.runner import backoff_s


def test_pauses_grow_to_a_bound_and_are_spread():
    policy = RetryPolicy(base_s=1.0, factor=2.0, max_s=10.0)
    for attempts, middle_s in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0), (10_000, 10.0)]:
        pauses = {backoff_s(policy, attempts, None) for _ in range(50)}
        assert len(pauses) > 1
        assert 0.8 * middle_s <= min(pauses) < max(pauses) <= 1.2 * middle_s


def test_what_an_error_asks_for_wins_where_it_is_longer():
    policy = RetryPolicy(base_s=1.0)
    assert backoff_s(policy, 1, 60.0) == 60.0
    assert backoff_s(policy, 1, 0.1) >= 0.8
