// Command operator looks after a cluster: it uses of etcd what programs that run one do.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/coreos/etcd/clientv3"
	"github.com/coreos/etcd/etcdserver/api/v3rpc/rpctypes"
	"github.com/coreos/etcd/etcdserver/etcdserverpb"
	"github.com/coreos/etcd/pkg/transport"
)

func config(certs transport.TLSInfo) (*tls.Config, error) { return certs.ClientConfig() }

func leader(members []*etcdserverpb.Member, of uint64) (string, error) {
	for _, m := range members {
		if m.ID == of {
			return m.Name, nil
		}
	}
	return "", rpctypes.ErrMemberNotFound
}

func main() {
	secure, err := config(transport.TLSInfo{})
	if err != nil {
		panic(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"127.0.0.1:2379"}, DialTimeout: time.Second, TLS: secure})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(leader(list.Members, list.Header.MemberId))
}
