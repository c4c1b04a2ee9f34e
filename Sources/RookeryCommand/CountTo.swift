import Rookery

@Message
struct CountTo {
    @InRange(0...1_000_000_000) var to: Int
}
