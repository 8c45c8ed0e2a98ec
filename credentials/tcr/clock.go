package tcr

import "time"

// ClockAhead is how far our clock was ahead of the API's at its last answer;
// known is false before the first. The API tells its time to a second.
func (c *Client) ClockAhead() (ahead time.Duration, known bool) {
	ahead = c.transport.clockAhead()
	return ahead, ahead != 0 // which no two clocks are, to a nanosecond
}
