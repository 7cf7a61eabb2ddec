//! Resolution: from what manifests ask for to the exact packages that an install puts in place.

pub mod graph;
