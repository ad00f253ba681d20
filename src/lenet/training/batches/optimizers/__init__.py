"""The optimizers for training in mini-batches, one file each. The file's name is a value of the setting `optimizer`.

A file has one function, optimizer(rate, weight_decay), which returns a Keras optimizer. rate: the learning rate, a
number or a schedule. weight_decay: a number or None. Weight decay is decoupled: in each step, every weight is also
multiplied by 1 − rate × weight_decay.
"""
