package handover_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// counts are of all clients of a run.
type counts struct {
	reads   atomic.Int64 // requests that only read
	settled atomic.Int64 // watches that the server has, or, of plain pollers, tries that were lost
}

// option has a client counted.
func (n *counts) option(polls bool) func(cfg *clientv3.Config) {
	return func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainUnaryInterceptor(
			func(ctx context.Context, method string, req, reply any,
				conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				if reads(method, req) {
					n.reads.Add(1)
				}
				err := invoke(ctx, method, req, reply, conn, opts...)
				if polls && strings.HasSuffix(method, "/DeleteRange") {
					n.settled.Add(1)
				}
				return err
			}), grpc.WithChainStreamInterceptor(
			func(ctx context.Context, desc *grpc.StreamDesc,
				conn *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				s, err := streamer(ctx, desc, conn, method, opts...)
				if err == nil && !polls && strings.HasSuffix(method, "Watch/Watch") {
					s = watchStream{s, &n.settled}
				}
				return s, err
			}))
	}
}

// A watchStream counts the watches that the server has confirmed.
type watchStream struct {
	grpc.ClientStream
	created *atomic.Int64
}

func (s watchStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if response, ok := m.(*pb.WatchResponse); ok && err == nil && response.Created {
		s.created.Add(1)
	}
	return err
}

// reads reports whether a request is one that only reads: a range request, or a transaction of
// such.
func reads(method string, req any) bool {
	txn, ok := req.(*pb.TxnRequest)
	if !ok {
		return strings.HasSuffix(method, "/Range")
	}
	return !slices.ContainsFunc(slices.Concat(txn.Success, txn.Failure), func(op *pb.RequestOp) bool {
		return op.GetRequestRange() == nil
	})
}
