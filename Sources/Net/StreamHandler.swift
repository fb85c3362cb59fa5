/// Hears what happens to one stream, on its loop. Any call may write, pause or close, here or on other streams, and may
/// let go of the stream.
package protocol StreamHandler: AnyObject {
    /// It is connected. Bytes written before are sent now.
    func streamOpened(_ stream: Stream)
    /// Bytes arrived, in order; never empty. The pointer is valid during the call only.
    func stream(_ stream: Stream, received bytes: UnsafeRawBufferPointer)
    /// What waited to be sent fell below low water after `write` had answered `.aboveHighWater`.
    func streamDrained(_ stream: Stream)
    /// It is closed. Comes exactly once, is the last call, and never from inside a call of `write` or `close`: a caller
    /// who writes to many streams does not see its own lists change meanwhile.
    func streamClosed(_ stream: Stream, reason: CloseReason)
}
