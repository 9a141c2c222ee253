# What the stub generator leaves out: exceptions of the package, and dunders.
_engine.__prefix__:
    __version__: str

    class InputError(ValueError): ...

    class EngineError(RuntimeError): ...

