package rollout

import (
	"os"

	"github.com/prometheus/procfs"
)

// measureMemory gives the peak of this process and what its descendants have now. Pages that
// processes share count for each.
func measureMemory() (own, children uint64) {
	self, err := procfs.Self()
	if err != nil {
		return 0, 0
	}
	if status, err := self.NewStatus(); err == nil {
		own = status.VmHWM
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return own, 0
	}
	type process struct{ parent, resident int }
	processes := map[int]process{}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil { // else it has ended
			processes[p.PID] = process{stat.PPID, stat.ResidentMemory()}
		}
	}
	me := os.Getpid()
	for _, p := range processes {
		for up := p.parent; up > 0; up = processes[up].parent {
			if up == me {
				children += uint64(p.resident)
				break
			}
		}
	}
	return own, children
}
