@_exported public import RookeryCore
@_exported public import RookeryResilience
@_exported public import RookeryTCP
@_exported public import RookeryWire
