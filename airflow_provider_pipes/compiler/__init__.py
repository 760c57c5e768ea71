"""From a traced pipeline to a deployment: checks, code closure, code snapshot."""
