module example.com/grpc-121

go 1.16

// As etcd 3.2.9 was built.
require (
	github.com/coreos/etcd v3.2.9+incompatible
	github.com/golang/protobuf v1.0.0
	golang.org/x/net v0.0.0-20190311183353-d8887717615a
	golang.org/x/text v0.3.0
	google.golang.org/grpc v1.2.1
)
