module example.com/vendored

// As a program was that the first go command with modules vendored.
require (
	github.com/coreos/etcd v3.2.9+incompatible
	github.com/golang/protobuf v0.0.0-20171113180720-1e59b77b52bf
	golang.org/x/net v0.0.0-20190311183353-d8887717615a
	golang.org/x/text v0.3.0
	google.golang.org/genproto v0.0.0-20170404132009-411e09b969b1 // indirect
	google.golang.org/grpc v0.0.0-20170413033559-0e8b58d22f34
)
