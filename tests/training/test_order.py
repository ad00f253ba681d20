from lenet.training.order import epoch_order


def test_each_seed_and_epoch_has_its_own_order_which_is_always_the_same():
    orders = {tuple(epoch_order(10, "fresh", seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4
    assert tuple(epoch_order(10, "fresh", 1, 1)) in orders


def test_a_constant_order_repeats_the_order_of_the_first_epoch():
    first, second = (epoch_order(10, "constant", 1, epoch).tolist() for epoch in (0, 1))
    assert first == second == epoch_order(10, "fresh", 1, 0).tolist()
