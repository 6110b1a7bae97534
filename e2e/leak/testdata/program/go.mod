module example.com/leak

go 1.16

require (
	github.com/coreos/etcd v3.2.9+incompatible
	github.com/golang/protobuf v1.3.2 // indirect
	golang.org/x/net v0.0.0-20190503192946-f4e77d36d62c // indirect
	google.golang.org/genproto v0.0.0-20170731182057-09f6ed296fc6 // indirect
	google.golang.org/grpc v1.5.1 // indirect
)

// The newest that this client compiles with.
replace google.golang.org/grpc => google.golang.org/grpc v1.5.1
