module example.com/linked/lib

go 1.16

require (
	github.com/coreos/etcd v3.2.9+incompatible
	github.com/golang/protobuf v1.3.2
	golang.org/x/net v0.0.0-20190503192946-f4e77d36d62c
	google.golang.org/genproto v0.0.0-20170731182057-09f6ed296fc6
	google.golang.org/grpc v1.5.1
)
