"""The outbox: what was decided and a worker must do, written in the same transaction as the decision.

The table is the truth, the broker only the bell. A row is sent by a relay, begun by a worker, and done when the job says
so; what the broker lost is sent again. A job may so be sent twice: its effect has a unique key of its own, and happens once.
"""
