use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use scep_types::asn1::{DerWriter, Reader, Tag};
use scep_types::spki_key_kind;

use super::{Error, KeyName, PublicKey};
use crate::private_key::KeyAlgorithm;
use crate::spki;

/// The public half of a private key, from the public key object of the same CKA_ID, else of the same name.
pub(super) fn spki_of(
    session: &Session,
    private: ObjectHandle,
    name: &KeyName,
) -> Result<PublicKey, Error> {
    let missing = || Error::NoPublicKey { key: name.clone() };
    let public = public_key(session, private, name)?.ok_or_else(missing)?;
    let wanted = [
        AttributeType::KeyType,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
        AttributeType::EcParams,
        AttributeType::EcPoint,
    ];
    let attributes = session.get_attributes(public, &wanted)?;
    let found = read(&attributes).ok_or_else(missing)?;
    let kind = spki_key_kind(&found).map_err(|_| missing())?;
    Ok(PublicKey { kind, spki: found })
}

fn public_key(
    session: &Session,
    private: ObjectHandle,
    name: &KeyName,
) -> Result<Option<ObjectHandle>, Error> {
    let class = Attribute::Class(ObjectClass::PUBLIC_KEY);
    let id = session.get_attributes(private, &[AttributeType::Id])?;
    let by_id = id.into_iter().find(|id| matches!(id, Attribute::Id(id) if !id.is_empty()));
    if let Some(id) = by_id
        && let [public] = session.find_objects(&[class.clone(), id])?.as_slice()
    {
        return Ok(Some(*public));
    }
    let found = session.find_objects(&[class, name.attribute()])?;
    Ok(if let [public] = found.as_slice() { Some(*public) } else { None })
}

fn read(attributes: &[Attribute]) -> Option<Vec<u8>> {
    let find = |wanted: AttributeType| {
        attributes.iter().find_map(|attribute| match (wanted, attribute) {
            (AttributeType::Modulus, Attribute::Modulus(value))
            | (AttributeType::PublicExponent, Attribute::PublicExponent(value))
            | (AttributeType::EcParams, Attribute::EcParams(value))
            | (AttributeType::EcPoint, Attribute::EcPoint(value)) => Some(value.as_slice()),
            _ => None,
        })
    };
    if attributes.iter().any(|found| matches!(found, Attribute::KeyType(KeyType::RSA))) {
        let (modulus, exponent) =
            (find(AttributeType::Modulus)?, find(AttributeType::PublicExponent)?);
        let key = DerWriter::encode(|der| {
            der.sequence(|der| {
                der.unsigned_octets(modulus);
                der.unsigned_octets(exponent);
            });
        });
        return Some(spki::join(KeyAlgorithm::Rsa, &key));
    }
    let curve = Reader::der(find(AttributeType::EcParams)?).oid().ok()?;
    let algorithm = KeyAlgorithm::on_curve(curve)?;
    Some(spki::join(algorithm, point(find(AttributeType::EcPoint)?)))
}

/// The point itself: PKCS #11 wraps it in an OCTET STRING, some modules do not.
fn point(value: &[u8]) -> &[u8] {
    let mut reader = Reader::der(value);
    match reader.expect(Tag::OCTET_STRING).and_then(|wrapped| wrapped.primitive()) {
        Ok(point) if reader.is_empty() => point,
        _ => value,
    }
}
