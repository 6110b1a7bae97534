module example.com/linked

go 1.16

require example.com/linked/lib v0.0.0

replace example.com/linked/lib => ./lib

// The newest that this client compiles with.
replace google.golang.org/grpc => google.golang.org/grpc v1.5.1
