module example.com/operator

go 1.16

require (
	github.com/coreos/etcd v3.2.13+incompatible
	github.com/golang/protobuf v1.3.2 // indirect
	golang.org/x/net v0.0.0-20190503192946-f4e77d36d62c // indirect
	golang.org/x/sys v0.0.0-20190215142949-d0b11bdaac8a // indirect
	google.golang.org/genproto v0.0.0-20180817151627-c66870c02cf8 // indirect
	google.golang.org/grpc v1.14.0 // indirect
)
