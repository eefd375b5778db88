"""Delivery, in an executor: one of all those that live writes down what is to be sent, sends it, and tries again."""
