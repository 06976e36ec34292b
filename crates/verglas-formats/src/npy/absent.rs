//! How NumPy pickles an array that holds nothing but `None`.

/// Whether `pickle` is what NumPy makes of `np.array(None)`, under protocol 0 to 5 and any of its versions.
///
/// Compares with the few byte sequences there are. Nothing is unpickled: a pickle is a program.
pub(super) fn is_pickled_none(pickle: &[u8]) -> bool {
    let modules = ["numpy.core.multiarray", "numpy._core.multiarray"];
    modules.iter().any(|module| known_pickles(module).iter().any(|known| known == pickle))
}

/// The longest of them is below this; longer data need not be checked.
pub(super) const MAX_PICKLED_NONE_BYTES: u64 = 1024;

/// `_reconstruct(ndarray, (0,), b'b')`, then the state `(1, (), dtype('O8', False, True), False, [None])`, protocol by
/// protocol; older versions of NumPy give the type's flags as 0 and 1.
fn known_pickles(module: &str) -> Vec<Vec<u8>> {
    let m = module.as_bytes();
    let mut known = vec![
        [
            b"c", m, b"\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nc_codecs\nencode\np3\n(Vb\np4\nVlatin1\np5\ntp6\nRp7\ntp8\nRp9\n(I1\n(tcnumpy\ndtype\np10\n(VO8\np11\nI00\nI01\ntp12\nRp13\n(I3\nV|\np14\nNNNI-1\nI-1\nI63\ntp15\nbI00\n(lp16\nNatp17\nb.",
        ]
        .concat(),
        [
            b"c", m, b"\n_reconstruct\nq\x00(cnumpy\nndarray\nq\x01(K\x00tq\x02c_codecs\nencode\nq\x03(X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05tq\x06Rq\x07tq\x08Rq\t(K\x01)cnumpy\ndtype\nq\n(X\x02\x00\x00\x00O8q\x0bI00\nI01\ntq\x0cRq\r(K\x03X\x01\x00\x00\x00|q\x0eNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tq\x0fbI00\n]q\x10Natq\x11b.",
        ]
        .concat(),
    ];
    for flags in [&b"\x89\x88"[..], b"K\x00K\x01"] {
        known.push([
            b"\x80\x02c", m, b"\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02c_codecs\nencode\nq\x03X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07\x87q\x08Rq\t(K\x01)cnumpy\ndtype\nq\nX\x02\x00\x00\x00O8q\x0b", flags, b"\x87q\x0cRq\r(K\x03X\x01\x00\x00\x00|q\x0eNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tq\x0fb\x89]q\x10Natq\x11b.",
        ].concat());
        known.push([
            b"\x80\x03c", m, b"\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02C\x01bq\x03\x87q\x04Rq\x05(K\x01)cnumpy\ndtype\nq\x06X\x02\x00\x00\x00O8q\x07", flags, b"\x87q\x08Rq\t(K\x03X\x01\x00\x00\x00|q\nNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tq\x0bb\x89]q\x0cNatq\rb.",
        ].concat());
        for protocol in [4, 5] {
            let body = [
                &[b'\x8c', m.len() as u8][..], m, b"\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01)h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02O8\x94", flags, b"\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\x94b\x89]\x94Nat\x94b.",
            ].concat();
            known.push([&[0x80, protocol, 0x95][..], &(body.len() as u64).to_le_bytes(), &body].concat());
        }
    }
    known
}
