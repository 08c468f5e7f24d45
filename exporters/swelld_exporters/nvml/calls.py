"""Calls to NVML: what is not supported is asked once, what fails is counted, what is lost is raised."""

from collections import Counter
from typing import Any


class Lost(Exception):
    """The GPU is gone, or its state is: nothing more can be asked of it."""


class Gone(Exception):
    """The driver is gone, and every GPU with it."""


class Calls:
    """Counts what fails; one for a process. The library is the module `pynvml`, imported when it is first needed."""

    def __init__(self) -> None:
        import pynvml

        self.nvml: Any = pynvml
        self.errors: Counter[str] = Counter()
        self._unsupported = {pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND}
        self._lost = {pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED}
        self._gone = {
            pynvml.NVML_ERROR_UNINITIALIZED,
            pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
            pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        }

    def must(self, call: str, *arguments: Any) -> Any:
        """The answer to a call without which nothing goes on; its error is counted and raised as it is."""
        try:
            return getattr(self.nvml, call)(*arguments)
        except self.nvml.NVMLError:
            self.errors[call] += 1
            raise

    def ask(self, call: str, *arguments: Any, latched: set[Any]) -> Any:
        """The answer, or None. `latched` remembers, for one device, what there is no point in asking again."""
        key = (call, *(argument for argument in arguments if isinstance(argument, int)))
        if key in latched:
            return None
        try:
            return getattr(self.nvml, call)(*arguments)
        except (AttributeError, self.nvml.NVMLLibraryMismatchError):  # an older pynvml, an older driver
            latched.add(key)
        except self.nvml.NVMLError as error:
            self._fail(call, key, error.value, latched)
        return None

    def _fail(self, call: str, key: Any, code: int, latched: set[Any]) -> None:
        if code in self._unsupported:
            latched.add(key)
            return
        self.errors[call] += 1
        if code in self._lost:
            raise Lost
        if code in self._gone:
            raise Gone
        if code == self.nvml.NVML_ERROR_NO_PERMISSION:
            latched.add(key)

    def events(self, event_set: Any) -> list[int]:
        """XIDs that came in since the last time; raises like `ask`."""
        found: list[int] = []
        while len(found) < 100:  # a GPU in a storm of errors must not keep us here
            try:
                event = self.nvml.nvmlEventSetWait_v2(event_set, 0)
            except self.nvml.NVMLError as error:
                if error.value != self.nvml.NVML_ERROR_TIMEOUT:
                    self._fail("nvmlEventSetWait_v2", None, error.value, set())
                break
            found.append(int(event.eventData))
        return found
