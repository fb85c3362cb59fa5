"""A node whose store goes back to an old backup while people talk; the books know what it forgot."""
from __future__ import annotations

from harness import Play, require, shows
from scenario_restore import alarmed, back_up, put_back
from town import Town


def go_back(play: Play, keeps_mark: bool) -> None:
    """Some words are in the backup, some were delivered since, and some were only accepted when the node went down."""
    town = Town(play)
    s1, _ = town.nodes
    town.burst(4)
    town.settle()
    backup = play.folder / "backup.db"
    back_up(s1, backup)
    town.burst(4)
    town.settle()
    town.wire().set(is_stalled=True)
    accepted = town.burst(3)
    town.wait(lambda: town.has_accepted(accepted), "all are accepted")
    s1.kill()
    town.books.putting_back(s1, backup)
    put_back(s1, backup, keeps_mark)
    town.wire().heal()
    town.wire().reset()
    s1.restart()
    settled = town.settle()
    require(alarmed(s1), "the log tells")
    town.burst(4)
    town.settle()
    forgotten = len(town.books.put_back["s1"].forgotten())
    print(f"  {town.audit()}; {forgotten} were forgotten, settled {settled:.1f} s after the restart", flush=True)


@shows("fault 17", "security 30")
def scenario_a_node_goes_back_to_a_backup_under_traffic(play: Play) -> None:
    """Peers send again what they hold, clients what was only accepted, and no id or place means two things."""
    go_back(play, keeps_mark=True)


@shows("fault 17", is_long=True)
def scenario_a_node_goes_back_with_all_that_would_tell_of_it(play: Play) -> None:
    """The whole folder went back: what its peers remember shows it."""
    go_back(play, keeps_mark=False)
