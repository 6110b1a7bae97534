module example.com/grpc-140

go 1.16

require (
	github.com/coreos/etcd v3.2.9+incompatible
	google.golang.org/grpc v1.40.0
)
