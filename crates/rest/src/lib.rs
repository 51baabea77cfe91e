//! The HTTP face on a unix socket.
