package told

import (
	"slices"

	"etcdmod/internal/importpath"
)

// logPackages write log lines or metrics and do nothing else, but for what code of the module they
// are given to run.
var logPackages = []string{
	"log", "log/slog", "go.uber.org/zap", "github.com/sirupsen/logrus", "github.com/rs/zerolog", "github.com/golang/glog",
	"k8s.io/klog", "github.com/go-kit/log", "github.com/go-kit/kit/log", "github.com/go-logr/logr", metrics,
	"github.com/hashicorp/go-hclog", "github.com/apex/log",
}

const metrics = "github.com/prometheus/client_golang"

// IsLogPackage reports whether the functions of a package write log lines or metrics.
func IsLogPackage(path string) bool {
	return importpath.WithinAny(path, logPackages)
}

// IsMetrics reports whether the functions of a log package write metrics.
func IsMetrics(path string) bool { return importpath.Within(path, metrics) }

// written are the functions of the metrics package that a round may call once more: the others read
// metrics back, register them or wait.
var written = []string{
	"Inc", "Dec", "Add", "Sub", "Set", "SetToCurrentTime", "Observe", "ObserveDuration", "AddWithExemplar", "ObserveWithExemplar",
	"With", "WithLabelValues", "CurryWith", "MustCurryWith", "GetMetricWith", "GetMetricWithLabelValues", "NewTimer", "Desc",
}

// reading are those that tell what was written.
var reading = []string{
	"Write", "Gather", "ToFloat64", "CollectAndCount", "CollectAndCompare", "GatherAndCount", "GatherAndCompare",
}

// Writes reports whether a function of a log package, of that path and name, writes a line or a metric.
func Writes(path, name string) bool {
	if IsMetrics(path) {
		return slices.Contains(written, name)
	}
	return IsLogPackage(path)
}
