package tencentcloud

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits counts requests, per account and action.
type limits struct {
	// mu guards buckets.
	mu      sync.Mutex
	buckets map[limitKey]*rate.Limiter
}

type limitKey struct{ uin, action string }

// allow takes one request from the bucket, which holds a second's worth.
func (l *limits) allow(uin, action string, perSecond float64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := limitKey{uin, action}
	bucket, ok := l.buckets[key]
	if !ok {
		bucket = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
		l.buckets[key] = bucket
	}
	return bucket.AllowN(now, 1)
}
