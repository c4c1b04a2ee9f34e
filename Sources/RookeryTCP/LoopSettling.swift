import RookeryCore
import RookeryWire

/// Work that is done once at the end of a burst, such as flushing what a connection wrote.
package protocol LoopSettling: AnyObject {
    /// On the event loop, after the jobs of a burst have run.
    func settle()
}
