"""Having the lease: taking it, keeping it, noticing that it is lost, giving it back."""

from etl_daemon.leasing.keeper import LeaseKeeper
from etl_daemon.leasing.tenure import Tenure

__all__ = ["LeaseKeeper", "Tenure"]
