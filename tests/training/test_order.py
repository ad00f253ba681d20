from lenet.training.order import epoch_order


def test_an_epochs_order_names_every_example_once():
    assert sorted(epoch_order(10, 0, 0).tolist()) == list(range(10))


def test_seeds_and_epochs_have_orders_of_their_own_and_always_the_same():
    orders = {tuple(epoch_order(10, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4
    assert tuple(epoch_order(10, 1, 1)) in orders
