"""Whether what a release needs is there before it begins: facts from AWS -> findings. Pure.

A check is a small function of a `Situation`; `registry.py` lists them, `wanted.py` says what they need to know of AWS, and
`fairway.aws.inspect` asks for it.
"""
