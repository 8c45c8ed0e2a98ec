package podview

import "bytes"

// fewValues is how many lists and objects a review may have to be decoded where
// it was read. The decoder goes down by calling itself: the 10,000 levels at
// which it stops are 18 kB of text and 2 MiB of stack, which stay with the
// goroutine, and so with a connection for as long as its caller likes. So few
// are 128 KiB at most; a Pod of 6 kB has 250.
const fewValues = 320

// apart tells whether body may need more stack than should stay.
func apart(body []byte) bool {
	return bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("[")) > fewValues
}

// onOwnStack calls f, on a stack that is gone when it returns. A panic goes on.
func onOwnStack(f func() error) error {
	var err error
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		err = f()
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return err
}
