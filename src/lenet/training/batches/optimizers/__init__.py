"""The optimizers of training in mini-batches, a file each: its name is a value of the setting `optimizer`.

A file has one function, optimizer(rate, weight_decay), which returns a Keras optimizer. rate: the learning rate, a
number or a schedule of it. weight_decay: decoupled, each step multiplies every weight by 1 − rate × weight_decay; or
None.
"""
