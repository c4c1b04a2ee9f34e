import RookeryCore
import RookeryWire

/// Work that runs once at the end of a burst, such as flushing what a connection wrote.
package protocol LoopSettling: AnyObject {
    /// Does the work. Called on the event loop, after the jobs of a burst have run.
    func settle()
}
