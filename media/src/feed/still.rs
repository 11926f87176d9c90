//! The picture that stands in for a camera that is not there.

use gst::prelude::*;
use gst_app::{AppSink, AppSrc};

use super::player::Form;
use crate::element::{self, ElementError};

const PNG: &[u8] = include_bytes!("no-camera.png");

/// What decodes it.
pub(super) const ELEMENTS: [&str; 2] = ["pngdec", "imagefreeze"];

/// Longer than any machine takes for one picture.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// One frame in the form's caps, without a time.
///
/// # Errors
/// An element is missing, or it could not be decoded.
pub(super) fn draw(form: Form) -> Result<gst::Buffer, ElementError> {
    let pipeline = gst::Pipeline::new();
    let source = AppSrc::builder().caps(&gst::Caps::new_empty_simple("image/png")).build();
    let sink = AppSink::builder().sync(false).build();
    let mut elements = vec![source.clone().upcast(), element::make("pngdec")?];
    elements.extend(form.converters(true)?);
    elements.push(sink.clone().upcast());
    element::chain(pipeline.upcast_ref(), &elements)?;
    let frame = pipeline.set_state(gst::State::Playing).ok().and_then(|_| {
        source.push_buffer(gst::Buffer::from_slice(PNG)).ok()?;
        source.end_of_stream().ok()?;
        sink.try_pull_sample(PATIENCE)?.buffer_owned()
    });
    let stopped = pipeline.set_state(gst::State::Null);
    frame.filter(|_| stopped.is_ok()).ok_or(ElementError::Link)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::spec::Size;

    #[test]
    fn it_fits_every_size() {
        gst::init().unwrap();
        for (width, height) in [(1280, 720), (640, 480), (16, 16)] {
            let frame = draw(Form::Picture(Size { width, height, fps: 30 })).unwrap();
            let info = gst_video::VideoInfo::builder(
                gst_video::VideoFormat::I420,
                width.unsigned_abs(),
                height.unsigned_abs(),
            );
            assert_eq!(frame.size(), info.build().unwrap().size());
        }
    }
}
