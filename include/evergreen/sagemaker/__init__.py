"""SageMaker as the target of a release: an endpoint that follows the champion, and batch transforms with it.

What is to be done is decided by pure functions, from what SageMaker describes; every name hangs on the content it names. So
the same release again makes nothing new, and whoever is killed between two calls goes on where the endpoint stands.
"""
