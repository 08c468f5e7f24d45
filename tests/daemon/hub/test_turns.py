"""Sessions and their turns in figures, and the rate of a trace as it is seen."""

from typing import Any

import pytest

from exchanges import good
from swelld.hub.offered import SECONDS, Offered
from swelld.hub.turns import MOST, TurnTally
from swelld.measurement import Measurement, Outcome
