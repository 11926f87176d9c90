//! A number as a row of black and white squares along the upper edge of a picture.
//!
//! A square is a fortieth of the picture's width, so that it survives an encoder and scaling. A
//! check of eight bits tells a stamp from any other picture.

const BITS: usize = 40;
const BLACK: u8 = 16;
const WHITE: u8 = 235;
const GREY: u32 = (BLACK as u32 + WHITE as u32) / 2;

/// The brightness of a picture, row by row.
pub(crate) struct Luma<T> {
    pub(crate) pixels: T,
    pub(crate) width: usize,
    pub(crate) stride: usize,
}

impl<T: AsMut<[u8]>> Luma<T> {
    /// Paints the number. A picture narrower than 40 pixels stays as it is.
    pub(crate) fn write(&mut self, number: u32) {
        let (side, stride) = (self.width / BITS, self.stride);
        let code = u64::from(number) << 8 | u64::from(check(number));
        for row in self.pixels.as_mut().chunks_mut(stride).take(side) {
            for (bit, square) in row.chunks_exact_mut(side).take(BITS).enumerate() {
                square.fill(if code >> bit & 1 == 1 { WHITE } else { BLACK });
            }
        }
    }
}

impl<T: AsRef<[u8]>> Luma<T> {
    /// The number; `None` if there is none.
    pub(crate) fn read(&self) -> Option<u32> {
        let side = self.width / BITS;
        let code = (0..BITS).try_fold(0, |code, bit| {
            let bright = self.mean(bit * side + side / 4, side / 4, side / 2)? > GREY;
            Some(code | u64::from(bright) << bit)
        })?;
        let number = (code >> 8) as u32;
        (check(number) == code as u8).then_some(number)
    }

    /// How bright a square is on the average, given its left, upper and inner side.
    fn mean(&self, left: usize, top: usize, side: usize) -> Option<u32> {
        let mut sum = 0;
        for row in top..top + side {
            let from = row * self.stride + left;
            let pixels = self.pixels.as_ref().get(from..from + side)?;
            sum += pixels.iter().copied().map(u32::from).sum::<u32>();
        }
        sum.checked_div((side * side) as u32)
    }
}

fn check(number: u32) -> u8 {
    number.to_le_bytes().iter().fold(0xa5, |sum, byte| sum.rotate_left(1) ^ byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn picture(width: usize) -> Luma<Vec<u8>> {
        let stride = width + 24;
        Luma { pixels: vec![90; stride * width], width, stride }
    }

    #[test]
    fn a_number_reads_as_it_was_written() {
        for width in [160, 640, 1280, 1296] {
            for number in [0, 1, 0x8000_0000, 0xdead_beef, u32::MAX] {
                let mut picture = picture(width);
                picture.write(number);
                assert_eq!(picture.read(), Some(number), "{width}");
            }
        }
    }

    #[test]
    fn half_the_size_and_a_bad_picture_still_read() {
        let mut large = picture(1280);
        large.write(0x1234_5678);
        let mut small = picture(640);
        for row in 0..small.width {
            for column in 0..small.width {
                let noise = ((row * 7 + column * 13) % 60) as u8;
                small.pixels[row * small.stride + column] =
                    large.pixels[2 * row * large.stride + 2 * column].saturating_sub(noise);
            }
        }
        assert_eq!(small.read(), Some(0x1234_5678));
    }

    #[test]
    fn a_picture_without_a_stamp_has_none() {
        assert_eq!(picture(1280).read(), None);
        assert_eq!(picture(8).read(), None);
    }
}
