"""A client of the jtop service that asks it to collect and leaves without taking the answer, as one
does that is killed at the wrong moment. Python's own managers, no jtop package."""
import sys
from multiprocessing.managers import SyncManager


class Manager(SyncManager):
    pass


Manager.register("get_queue")
manager = Manager(address=sys.argv[1], authkey=b"b'UmFmZmFlbGxvIEJvbmdoaQ=='")
manager.connect()
manager.get_queue().put({"interval": 1.0})
