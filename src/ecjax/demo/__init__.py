"""The whole way in miniature: text to windows and back, two language models compared, samples, a report in pictures."""

try:
    from ecjax.demo.running import FILES, run
except ModuleNotFoundError as error:
    if error.name not in ("jinja2", "matplotlib"):
        raise
    raise ImportError(f"the demonstration needs {error.name}: pip install 'ecjax[plot]'") from error

__all__ = ["FILES", "run"]
